A tag that charges at another box of the house is busy here
when  the tag of Anna charges at a second station
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the red lamp lights up within 3 s
then  the contactor stays open for 1 s
when  the charge at the second station ends
then  the box is available within 5 s
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  one session is booked to Wohnung 3 links, reason local
