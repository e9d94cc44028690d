"""From a wearer's packets to activities and events: plain, synchronous, without a clock. `loop` is the page to read first."""
