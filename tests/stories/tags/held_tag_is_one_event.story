A tag that is held for eight seconds starts one charge and does not stop it again
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box for 8 s
then  the box is charging within 4 s
then  the contactor stays closed for 1 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  one session is booked to Wohnung 3 links, reason local
