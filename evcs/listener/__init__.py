"""MCSP/1.0 on the server's side: lines in, the same service functions as REST behind them."""
