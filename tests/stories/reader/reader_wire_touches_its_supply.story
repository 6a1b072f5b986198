The reader reads all ones: the box says so, and serves again when it is mended
when  the reader's wire touches its supply
then  the box is unavailable within 8 s
then  the box says reader
when  everything is mended
then  the box is available within 20 s
when  Anna and Bert hold their tags to the box together
then  the red lamp lights up within 2 s
then  the server has no session
