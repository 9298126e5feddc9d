"""One short function for each endpoint: schema in, one call, schema out."""

from fastapi import APIRouter, Depends

from reward_server.routes import catalogue, code, ground_truth, ops, score
from reward_server.routes.shared import authorised

routes = APIRouter(dependencies=[Depends(authorised)])
routes.include_router(score.routes)
routes.include_router(catalogue.routes)
routes.include_router(code.routes)
routes.include_router(ground_truth.routes)
open_routes = ops.routes
