"""Training: montages, loop, evaluation, calibration."""
