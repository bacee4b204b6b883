"""The one decoder: killable workers with limits, and the one store of what they decoded."""
