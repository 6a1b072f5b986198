Nobody plugs in: the box does not wait for ever
given [session] no_energy_min = 0.1
when  Anna holds the tag to the box
then  the box is suspended ev within 8 s
then  the contactor opens within 20 s
then  the box is available within 12 s
then  one session is booked to Wohnung 3 links, reason no_energy
then  the last session drew 0 to 5 Wh
