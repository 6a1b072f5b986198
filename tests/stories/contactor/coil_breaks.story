The contactor does not close: nothing flows, and nothing is booked
given [session] no_energy_min = 0.1
when  the contactor's coil breaks
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is suspended ev within 8 s
then  the box is available within 20 s
then  one session is booked to Wohnung 3 links, reason no_energy
then  the last session drew 0 to 0 Wh
