"""What should people label first, when there is a pool of texts and no model yet? And what next?"""
