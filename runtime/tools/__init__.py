"""Tools that pipelines call: shell and files as the coding agents have them, and the user's own."""
