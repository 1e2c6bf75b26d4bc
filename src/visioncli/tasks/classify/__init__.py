"""Naming what a picture shows."""
