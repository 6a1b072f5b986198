The stop button opens at once, and only a reset at the box lets it serve again
given the box has a stop button
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  300 Wh have flowed
when  the stop button is pressed
then  the contactor opens within 0.5 s
then  the line of the contactor is inactive within 1 s
then  the box is faulted within 12 s
then  one session is booked to Wohnung 3 links, reason emergency_stop
then  a reset is refused: still open
when  Anna holds the tag to the box
then  the buzzer gives a long tone within 3 s
when  the stop button is released
then  the box stays faulted for 0.5 s
then  a reset is refused: less than 5 s ago
when  the landlord resets the fault emergency_stop
then  the landlord hears that it was refused
when  5 s pass
when  somebody resets the box
then  the box is available within 5 s
