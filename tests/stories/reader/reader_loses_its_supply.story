The reader loses its supply for a moment: it is set up again, and nobody notices
when  the reader loses its supply for a moment
then  the box stays available for 4 s
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the reader loses its supply for a moment
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 4 s
then  one session is booked to Wohnung 3 links, reason local
