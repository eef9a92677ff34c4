"""Pipelines: functions as steps, whose results are kept by what they were made from."""
