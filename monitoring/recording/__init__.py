"""How does a worker count what it decides, and how do its counts reach the store?"""
