"""Pure parts of the work on a warehouse floor: how waves are cut, what a scanner has read, what may weigh what."""
