"""Everything the package keeps; each part has a module of its own."""

from __future__ import annotations

from hearthline.quality.models_analysis import (
    AnalysisState,
    CallAnalysis,
)
from hearthline.quality.models_decoys import (
    DecoyCall,
    DecoyLending,
    DecoyNumber,
)
from hearthline.quality.models_levels import LevelChange, LevelState
from hearthline.quality.models_moderation import (
    CallRating,
    CampaignCheck,
    Dispute,
    QueueClaim,
    Report,
    Review,
    ScorecardItem,
)
from hearthline.quality.models_readiness import LineCheck
from hearthline.quality.models_scenarios import (
    Ear,
    FitnessTest,
    OwnScenario,
    RobotCall,
    ScenarioRecording,
    ScenarioUse,
    TestPardon,
    TestState,
)

__all__ = [
    "AnalysisState",
    "CallAnalysis",
    "CallRating",
    "CampaignCheck",
    "DecoyCall",
    "DecoyLending",
    "DecoyNumber",
    "Dispute",
    "Ear",
    "FitnessTest",
    "LevelChange",
    "LevelState",
    "LineCheck",
    "OwnScenario",
    "QueueClaim",
    "Report",
    "Review",
    "RobotCall",
    "ScenarioRecording",
    "ScenarioUse",
    "ScorecardItem",
    "TestPardon",
    "TestState",
]
