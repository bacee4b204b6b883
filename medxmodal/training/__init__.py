"""Training: folds, one fit of one member, presets, calibration of out-of-fold predictions."""

from medxmodal.training.assemble import make_fusion_spec, resolve_modalities
from medxmodal.training.calibrate import CalibratedRun, calibrate_run
from medxmodal.training.crossfit import CrossFit, OutOfFold, cross_fit, make_folds, preflight
from medxmodal.training.member import MemberPlan, TrainedMember, train_member
from medxmodal.training.presets import PRESETS, choose_preset
from medxmodal.training.reference import embeddings, input_reference

__all__ = [
    "PRESETS",
    "CalibratedRun",
    "CrossFit",
    "MemberPlan",
    "OutOfFold",
    "TrainedMember",
    "calibrate_run",
    "choose_preset",
    "cross_fit",
    "embeddings",
    "input_reference",
    "make_folds",
    "make_fusion_spec",
    "preflight",
    "resolve_modalities",
    "train_member",
]
