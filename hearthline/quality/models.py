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
    FitnessTest,
    RobotCall,
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
    "FitnessTest",
    "LineCheck",
    "QueueClaim",
    "Report",
    "Review",
    "RobotCall",
    "ScorecardItem",
    "TestPardon",
    "TestState",
]
