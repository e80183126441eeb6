"""HTTP in: each route calls one use case."""

from __future__ import annotations

from services.segmentation.routes import analysis, churn, parameters, scores, standings

ROUTERS = (scores.ROUTER, standings.ROUTER, churn.ROUTER, parameters.ROUTER, analysis.ROUTER)
