Without a meter nobody is let in
when  the meter falls silent
then  the box is unavailable within 20 s
then  the box says meter
when  Anna holds the tag to the box
then  the buzzer gives a long tone within 3 s
then  the contactor stays open for 1 s
then  the server has no session
