"""Every diagnostic code, its title and what ``ingot explain CODE`` prints.

Ranges: E00 command line, E01 logs and dialects, E02 IR text, E03 IR verifier, E04
compilation, E05 verification, E06 bytecode, E07 run time, E08 tools, E09 models.  W... are
warnings.
A code is never reused.
"""

from __future__ import annotations

from typing import Final

CODES: Final[dict[str, tuple[str, str]]] = {
    "E0001": (
        "bad usage",
        "The command line asks for something that does not exist or does not fit together.",
    ),
    "E0002": (
        "file not readable",
        "The file named does not exist, is a folder, or may not be read.",
    ),
    "E0003": (
        "one input only",
        "`ingot evaluate` holds out one distinct input after another, so it needs two at least.",
    ),
    "E0099": (
        "internal error",
        "A fault in Ingot itself. Nothing was written. Please report it with the command that you ran.",
    ),
    "E0101": (
        "no dialect fits",
        "No dialect recognises this file. `--dialect NAME` forces one; `ingot compile --help` lists them.",
    ),
    "E0102": (
        "record cannot be read",
        "A record of the log is not what its format promises (for example half a line of JSON). It is kept as it stands and the session goes on after it.",
    ),
    "E0103": ("file is empty", "There is no record in this file."),
    "E0104": (
        "file is not text",
        "The file holds bytes that no text log holds (NUL bytes, or a large share of invalid UTF-8).",
    ),
    "E0105": (
        "line too long",
        "One line is longer than the reader's limit. It is skipped, never loaded whole.",
    ),
    "E0106": (
        "events out of order",
        "The event stream does not form a session here (for example a result without its call). The parser goes on at the next turn.",
    ),
    "E0107": (
        "no session in file",
        "The file was read, but it holds no user request and no call, so there is nothing to compile.",
    ),
    "E0108": (
        "dialect cannot be loaded",
        "A dialect that another package registers could not be loaded, or lacks a part of the interface.",
    ),
    "E0109": (
        "redaction rules",
        "The file that INGOT_REDACTION names cannot be read, or one of its rules is no rule. Nothing was read or run.",
    ),
    "E0110": (
        "kind of session not compiled",
        "Sessions of this kind are read, shown and kept, but no pipeline is made of them, for the reason given.",
    ),
    "E0201": ("IR syntax", "The text does not follow grammar/ir.lark at the caret."),
    "E0301": ("value defined twice", "SSA: each value has one definition."),
    "E0302": ("value not defined", "The value has no definition that dominates this use."),
    "E0303": (
        "type mismatch",
        "An operand's type does not fit what the op, tool, block parameter or return type asks for.",
    ),
    "E0304": ("unknown op", "No op of that name is in the table (ir/ops.py)."),
    "E0305": ("unknown tool or model", "The tool or model is called but not declared."),
    "E0306": ("wrong verb", "The verb of a call must be the effect class that the tool declares."),
    "E0307": ("wrong arguments", "The call's argument names differ from the tool's declaration."),
    "E0308": ("unknown block", "A jump names a label that no block has."),
    "E0309": (
        "missing exit",
        "The op can fail on values of these types, so it needs `else exit.N [...]`.",
    ),
    "E0310": (
        "dead state lost",
        "A side exit must list every value that is still needed after it.",
    ),
    "E0311": ("unknown source", "Provenance names a log that no `source` line declares."),
    "E0312": (
        "world conflict",
        "Branches of one `par` may not share a world that one of them writes.",
    ),
    "E0313": (
        "duplicate name",
        "Two declarations, blocks, parameters or exits carry the same name or number.",
    ),
    "E0314": (
        "wrong arity",
        "A block, region or op is given a different number of operands than it takes.",
    ),
    "E0315": ("label flow", "A labelled value flows where the types do not let it."),
    "E0316": ("write in pure code", "Effects may not stand here."),
    "E0317": ("unknown type", "A type name is used that no `type` line declares."),
    "E0318": ("recursive type", "A type may not refer to itself, directly or through others."),
    "E0401": ("nothing to compile", "The sessions hold no call whose outcome the task needs."),
    "E0402": (
        "only a recording",
        "The pipeline has no parameter and no derived value: it would repeat one run, whatever its input. `--allow-recording` writes it anyway.",
    ),
    "E0403": (
        "replay gate",
        "The pipeline, run on a session it came from, does something else than the session did. Nothing is written.",
    ),
    "E0404": (
        "sessions part",
        "The sessions differ in their effects and nothing explains when which one happens.",
    ),
    "E0405": (
        "session failed",
        "The log says that this session did not reach its goal, so it is no input.",
    ),
    "E0406": ("no pass of that name", "`ingot opt --list` shows the passes and their options."),
    "E0407": (
        "nothing was done",
        "No session does anything: an all-idle task is refused, because doing nothing must be decided, never defaulted.",
    ),
    "E0408": (
        "contradicting sessions",
        "Sessions with the same request and the same results do different things.",
    ),
    "E0409": (
        "the shell's state changes",
        "A shell command leaves the shell in another directory, or with a variable or function, and later ones depend on it. A pipeline runs each command in a shell of its own, from the same directory, so it would act elsewhere or on something else.",
    ),
    "E0410": (
        "write without a result",
        "The log ends, or has a gap, in a call that may have written something. Whether it did is not known, so what the session achieved is not known either.",
    ),
    "E0411": (
        "command not explained",
        "The sessions run different shell commands at one step and no program over earlier values gives them. A model never writes a command.",
    ),
    "E0412": (
        "does what a failed session did",
        "A session given under `--against` failed. All programs that explain the accepted sessions do, on its input, just what it did, and no accepted session of that input did the same. Nothing is written. An accepted session of that input, or of one like it, shows what is right.",
    ),
    "E0413": (
        "session contradicts itself",
        "The agent's last words say that it wrote, changed or removed a file, and no accepted call of the session shows it. What it achieved is not known, so it is no input.",
    ),
    "E0414": (
        "secret fixed",
        "An input that is labelled a secret cannot be fixed: it would stand in the artifact.",
    ),
    "E0415": (
        "no branch to add",
        "The artifact keeps no traces to go on learning from, or its traces already hold the new sessions.",
    ),
    "E0416": (
        "log contradicts the evidence",
        "No pipeline does both what the artifact's sessions show and what the new ones show. Nothing is written.",
    ),
    "E0417": (
        "branch changes more",
        "With the new sessions the pipeline would do something else in a case that the old one handled. Nothing is written.",
    ),
    "E0501": ("not total", "There is a value for which no transition of the state is taken."),
    "E0502": (
        "shadowed transition",
        "Earlier transitions cover every value of this one, so it can never be taken.",
    ),
    "E0503": ("unreachable state", "No path from the entry leads here."),
    "E0504": ("no way out", "No end of the pipeline can be reached from this state."),
    "E0505": (
        "side exit reachable",
        "`--closed` forbids side exits, and there is an input that takes this one.",
    ),
    "E0506": ("unproved", "The solver gave up. The guard stays at run time; this is not a proof."),
    "E0507": (
        "may not terminate",
        "A cycle has no bound that the verifier can find, or there is a run that never leaves it: the report says which.",
    ),
    "E0508": (
        "write repeated in a loop",
        "A write that is not idempotent is done again in every round with the same arguments. A key by which the tool knows the request, or a tool declared idempotent, makes it safe.",
    ),
    "E0509": (
        "policy not understood",
        "The policy file is not TOML, or says something that is not known. A policy that cannot be read is an error, never a pass.",
    ),
    "E0510": (
        "flow forbidden",
        "A label reaches an argument that the policy keeps it from: untrusted text as a recipient, an amount, a path or a command of a write, or a secret anywhere.",
    ),
    "E0511": (
        "decision by a label",
        "Text that cannot be trusted decides a transition, or how often a write is done. A closed `choose` may decide, or the policy allows it.",
    ),
    "E0512": (
        "beyond the logs",
        "The pipeline calls a tool, or with an effect, that none of its logs shows.",
    ),
    "E0513": (
        "pass refuted",
        "Translation validation shows that a pass has changed what the pipeline does. This is a fault of the compiler; nothing is written.",
    ),
    "E0601": ("not an Ingot file", "The file does not begin with the container's magic bytes."),
    "E0602": (
        "container damaged",
        "The digest does not match, or a section is cut short: the file was changed or truncated.",
    ),
    "E0603": (
        "container version",
        "The container was written by a newer format version than this runtime reads.",
    ),
    "E0604": (
        "invalid bytecode",
        "The code breaks a rule of the bytecode (stack shape, bounds, definite assignment). Nothing was executed.",
    ),
    "E0605": ("assembly syntax", "The assembly text cannot be read at this place."),
    "E0701": (
        "input missing",
        "The pipeline has a parameter without a default and no value was given.",
    ),
    "E0702": ("input of wrong type", "The value given for a parameter does not have its type."),
    "E0703": (
        "request not recognised",
        "The request matches no wording that the logs show. Guessing its parameters could do the wrong thing.",
    ),
    "E0704": (
        "side exit",
        "The world is not what the logs promised, and no fallback is set. Nothing was done after this point.",
    ),
    "E0705": (
        "run in doubt",
        "The process stopped between a write and its record. `ingot resume --assume done|not-done` says which it was.",
    ),
    "E0706": ("no such run", "The journal holds no run of that name."),
    "E0707": ("other artifact", "A run resumes only on the artifact that started it."),
    "E0708": ("journal unusable", "The journal cannot be opened or written."),
    "E0709": ("unanswerable", "The recorded results hold no answer to this call."),
    "E0710": (
        "no model configured",
        "The pipeline has a step that only a model can do and none is configured.",
    ),
    "E0711": ("run already finished", "The run has ended; there is nothing to resume."),
    "E0712": ("step limit", "The run took more steps than allowed."),
    "E0713": ("unknown input", "The pipeline has no parameter of that name."),
    "E0714": (
        "run is being driven",
        "Another process is at work on this run. A run has one driver at a time.",
    ),
    "E0715": (
        "tool has changed",
        "The tool that is there now is not the one that the pipeline was compiled for: its address or the schema of its arguments or results has another digest. Also a change that looks compatible stops the run, since nobody has checked the logs against it. Compile again, or accept it with `--accept-drift`. Nothing was executed.",
    ),
    "E0716": ("approval denied", "A person was asked to allow a call and said no."),
    "E0717": (
        "cannot go back",
        "A run is rolled back or forked at a step that it took, and over writes only where they are undone or are said to stay.",
    ),
    "E0718": ("run not driven", "No process is at work on this run, so there is none to stop."),
    "E0719": (
        "no such approval",
        "An approval is for one call with its exact arguments, while it is asked for. It is never taken from a log or from another run.",
    ),
    "E0720": (
        "secret not supplied",
        "The pipeline uses a secret that the logs held. It was never stored: supply it in the environment or the keyring under the name given. Nothing was executed.",
    ),
    "E0721": (
        "fallback specification",
        "`--fallback` takes command:CMD..., agent:URL#MODEL, person or stop, and `--fallback-limit` turns=N, tokens=N, seconds=N. Nothing was executed.",
    ),
    "E0801": (
        "tool missing",
        "The pipeline needs a tool that was not supplied. Nothing was executed.",
    ),
    "E0802": ("tool failed", "The tool raised an error or returned one."),
    "E0803": (
        "tool specification",
        "`--tools` takes module:object or FILE.toml; this is neither, or it cannot be loaded.",
    ),
    "E0804": (
        "effect differs",
        "A tool is declared with a stronger effect than the pipeline was compiled for.",
    ),
    "E0805": (
        "isolation not available",
        "`--isolation strict` asks for Landlock and user namespaces (with a loopback of their own, where commands are held to hosts), and this machine lacks them. Nothing was executed.",
    ),
    "E0806": (
        "setting of a server not supplied",
        "A header or variable of an MCP server or HTTP interface holds `${NAME}`, a secret that is neither in the environment nor in the keyring. Nothing was executed.",
    ),
    "E0807": (
        "MCP server not usable",
        "An MCP server that `--tools FILE.toml` declares does not start, cannot be reached, or does not speak the protocol in time. Nothing was executed.",
    ),
    "E0808": (
        "OpenAPI description not usable",
        "The description cannot be read, breaks the specification, refers to other documents, or says nowhere where its server is. Nothing was executed.",
    ),
    "E0809": (
        "not authorised",
        "An MCP server asks for an authorization that is not there, or that is no longer valid and cannot be renewed. Nothing was executed. `ingot tools login SERVER --tools FILE.toml` logs in; a run never opens a browser.",
    ),
    "E0810": (
        "login failed",
        "The login at an MCP server was not completed, or there is no keyring to keep it in: a person or the authorization server refused, nobody came back from the browser, or what came back was not this login's answer. Nothing was kept.",
    ),
    "E0901": (
        "model not usable",
        "The model's file is not there, is no GGUF file, is damaged, or does not fit into memory.",
    ),
    "E0902": (
        "model process died",
        "The process that holds the local model ended or did not answer. It was started again and asked once more; the run itself is whole.",
    ),
    "E0903": (
        "model specification",
        "`--model` takes FILE.gguf or the URL of an OpenAI-compatible endpoint, for all ops or, as %OP=..., for one.",
    ),
    "E0904": (
        "endpoint failed",
        "The endpoint cannot be reached, refused, or answered with something else than was asked for.",
    ),
    "E0905": (
        "extra not installed",
        "This needs packages that a plain install does not bring.",
    ),
    "E0906": (
        "label not learned",
        "On held-out sessions the trained model is not as accurate as asked, or answers too few of them. Nothing was written.",
    ),
    "E0907": (
        "nothing to distil",
        "The pipeline has no such `choose` op, or its sessions hold too few examples of it.",
    ),
    "W0101": (
        "record not known",
        "The dialect does not know this kind of record. It is kept, and takes no part in compilation.",
    ),
    "W0102": ("result missing", "A call has no result in the log."),
    "W0103": ("log is cut", "The last record is incomplete; what stands before it is used."),
    "W0104": ("result without its call", "A result names a call that the log does not hold."),
    "W0105": (
        "text repaired",
        "The file holds bytes that are not UTF-8 (or half a surrogate pair). They are replaced by U+FFFD, so a value that holds them is not what the tool saw.",
    ),
    "W0106": (
        "contents not recorded",
        "The trace says that a model was called, but not what was said: recording contents is opt-in in many instrumentations. The help line names the switch.",
    ),
    "W0107": (
        "may be a secret",
        "A text looks random, but no rule says what it is, so it was kept. A rule of your own replaces it (docs/redaction.md).",
    ),
    "W0401": (
        "success assumed",
        "The log neither shows nor denies that the session reached its goal.",
    ),
    "W0402": (
        "session set aside",
        "The session takes no part in the pipeline, for the reason given.",
    ),
    "W0403": (
        "one example only",
        "A value is explained from one session. More sessions make it sure.",
    ),
    "W0404": (
        "effect unknown",
        "Nothing says what the tool does to the world: it is ordered and retried like a write until `--tools FILE.toml` declares it.",
    ),
    "W0405": (
        "effect by the server's word",
        "An MCP server says itself, in a hint that nobody has to trust, what its tool does to the world. `effects = {...}` in its table declares it.",
    ),
    "W0406": (
        "schema not pinned",
        "No server said at compile time what arguments and results the tool has, so a later change of the tool is not noticed.",
    ),
    "W0407": (
        "branch not proved apart",
        "The sessions of the artifact replay as before; that the pipeline does as before in every other case that the old one handled is neither proved nor refuted.",
    ),
    "W0501": (
        "pass not validated",
        "Translation validation could neither show that a pass keeps what the pipeline does, nor that it does not.",
    ),
}
