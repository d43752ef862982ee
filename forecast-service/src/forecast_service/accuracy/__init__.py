"""How well the forecasts did on days they had not seen, per article and overall, against seasonal naive."""
