The reader hangs: it is told, reset again and again, and works when it can
when  the reader hangs
then  the box is unavailable within 10 s
then  the box says reader
when  everything is mended
then  the box is available within 20 s
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  one session is booked to Wohnung 3 links, reason local
