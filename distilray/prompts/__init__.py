"""Prompts: templates in English and Chinese, each with the strict parser of its reply."""

from distilray.prompts.prompt import Prompt

__all__ = ["Prompt"]
