"""JSON Schemas of the contract, generated: `python -m contract.schema` writes them, a test keeps them fresh."""
