"""Tasks: what is predicted; one file each."""

from medxmodal.tasks.base import Task

__all__ = ["Task"]
