/* texts.h - words for people in the meter's tables. A program that shows them to nobody is built
 * without (MC_WITHOUT_TEXTS: the firmware). Freestanding. */
#ifndef GF_METER_TEXTS_H
#define GF_METER_TEXTS_H

#ifdef MC_WITHOUT_TEXTS
#define MC_TEXT(text) NULL
#else
#define MC_TEXT(text) (text)
#endif

#endif
