"""`DiagnosisModel` and its members: modalities + fusion + heads; predict, save, load."""

from medxmodal.model.diagnosis import DiagnosisModel, Encoded
from medxmodal.model.files import load_member, save_member
from medxmodal.model.loaded import Answer, LoadedRun
from medxmodal.model.members import Members
from medxmodal.model.out_of_fold import read_out_of_fold
from medxmodal.model.prediction import Prediction
from medxmodal.model.reading import Reader, Reading

__all__ = [
    "Answer",
    "DiagnosisModel",
    "Encoded",
    "LoadedRun",
    "Members",
    "Prediction",
    "Reader",
    "Reading",
    "load_member",
    "read_out_of_fold",
    "save_member",
]
