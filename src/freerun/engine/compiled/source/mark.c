/* What the library was made of, as build.py says; it is searched for before the library is loaded. */
const char freerun_mark[] = MARK;
