"""The pipeline: find sites, rewrite, gate; in workers that can be killed."""
