"""Forecast runs: models, their choice by backtest, quantiles of daily demand and of sums."""
