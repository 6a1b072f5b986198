The station's token is revoked during a charge: everything is kept until it has a new one
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  500 Wh have flowed
when  the landlord revokes the station's token
then  the contactor stays closed for 4 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  the box is available within 12 s
then  1 message waits in the box
when  Bert holds the tag to the box
then  the red lamp lights up within 4 s
then  the contactor stays open for 1 s
when  the station is given a new token
when  the daemon is told to leave
when  the daemon is started
then  the box is available within 20 s
then  one session is booked to Wohnung 3 links, reason local
