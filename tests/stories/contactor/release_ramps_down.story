Where the wallbox is released, the car ramps down before the contactor opens
given the contactor switches the wallbox's release
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the car draws less than 1500 W before the contactor opens
then  the box is available within 20 s
then  one session is booked to Wohnung 3 links, reason local
