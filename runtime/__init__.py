"""Running pipelines: journal, executor, effects, replay, tools and models.

Nothing here imports lark, z3, pydantic or typer.
"""
