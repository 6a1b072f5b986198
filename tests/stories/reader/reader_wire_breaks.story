The reader's wire breaks: the box says so, and serves again when it is mended
when  the reader's wire breaks
then  the box is unavailable within 8 s
then  the box says reader
then  the red lamp flashes 3 times between pauses
when  everything is mended
then  the box is available within 20 s
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  one session is booked to Wohnung 3 links, reason local
