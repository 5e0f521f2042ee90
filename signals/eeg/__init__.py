"""Electroencephalograms: band powers and features of epochs, classified, and what they show."""
