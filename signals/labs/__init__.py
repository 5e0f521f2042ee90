"""Coded laboratory results to findings, without a model."""
