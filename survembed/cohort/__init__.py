"""Subjects of a study, prepared: images, outcomes, covariates."""
