The landlord blocks a tag during its charge: the box is told to stop
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  500 Wh have flowed
when  the landlord blocks the tag of Anna
then  the contactor opens within 10 s
then  the box is available within 12 s
then  one session is booked to Wohnung 3 links, reason deauthorized
when  Anna holds the tag to the box
then  the red lamp lights up within 3 s
then  the contactor stays open for 1 s
when  the landlord accepts the tag of Anna again
