With a mirror contact a charge is like any other
given the box has a mirror contact
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  the box is available within 12 s
then  one session is booked to Wohnung 3 links, reason local
