A charge ends after the most energy that is set
given [session] max_energy_kwh = 0.8
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
then  the contactor opens within 15 s
then  the box is available within 12 s
then  one session is booked to Wohnung 3 links, reason max_energy
then  the last session drew 800 to 1500 Wh
