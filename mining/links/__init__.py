"""Link prediction: which tails a head has that no source records yet."""
