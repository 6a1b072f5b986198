Bert has an old four-byte tag and a car with one phase
given [contactor] phases = 1
when  a car plugs in that draws 3.7 kW on 1 phase
when  Bert holds the tag to the box
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  Bert holds the tag to the box
then  the contactor opens within 1 s
then  one session is booked to Wohnung 1 links, reason local
