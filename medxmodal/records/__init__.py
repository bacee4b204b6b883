"""Records: what lands on disk, as strict pydantic documents without torch."""

from medxmodal.records.base import Part, Record
from medxmodal.records.calibration import (
    Calibrated,
    CalibrationRecord,
    PriorShift,
    ThresholdFacts,
    pattern_key,
)
from medxmodal.records.describe import (
    DescribeRecord,
    FailedStudy,
    Flow,
    FlowStep,
    Missingness,
    ModalityCount,
    Problem,
    Quality,
    TableRow,
)
from medxmodal.records.explanation import (
    AttributionFacts,
    ExplanationIndex,
    ExplanationRecord,
    IndexEntry,
    ModalityFacts,
    ModelFacts,
    Question,
)
from medxmodal.records.panel import (
    Bar,
    BarsPanel,
    HeatmapPanel,
    Panel,
    Token,
    TokensPanel,
)
from medxmodal.records.prediction import PredictionRecord
from medxmodal.records.run import (
    FORMAT_VERSION,
    CohortFacts,
    MemberFacts,
    ModalityRecord,
    RunRecord,
    TaskFacts,
)

__all__ = [
    "FORMAT_VERSION",
    "AttributionFacts",
    "Bar",
    "BarsPanel",
    "Calibrated",
    "CalibrationRecord",
    "CohortFacts",
    "DescribeRecord",
    "ExplanationIndex",
    "ExplanationRecord",
    "FailedStudy",
    "Flow",
    "FlowStep",
    "HeatmapPanel",
    "IndexEntry",
    "MemberFacts",
    "Missingness",
    "ModalityCount",
    "ModalityFacts",
    "ModalityRecord",
    "ModelFacts",
    "Panel",
    "Part",
    "PredictionRecord",
    "PriorShift",
    "Problem",
    "Quality",
    "Question",
    "Record",
    "RunRecord",
    "TableRow",
    "TaskFacts",
    "ThresholdFacts",
    "Token",
    "TokensPanel",
    "pattern_key",
]
