"""Which items go to the labelers, and what becomes of them?"""
