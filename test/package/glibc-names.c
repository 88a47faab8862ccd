// What Debian's libstdc++ and libgcc ask of glibc and musl does not have, so that a C++ program for musl runs on them.
// Exceptions find no frame: Bun throws none.
typedef unsigned long size_t;
extern unsigned long getauxval(unsigned long);
extern long getrandom(void *, size_t, unsigned);
extern size_t strftime_l(char *, size_t, const char *, const void *, void *);

char __libc_single_threaded = 0;
unsigned __cpu_model[4];
int __cpu_indicator_init(void) { return 0; }
int _dl_find_object(void *address, void *result) { return -1; }
int __cxa_thread_atexit_impl(void (*run)(void *), void *object, void *library) { return 0; }
size_t __strftime_l(char *to, size_t size, const char *format, const void *time, void *locale) {
  return strftime_l(to, size, format, time, locale);
}
unsigned long __getauxval(unsigned long type) { return getauxval(type); }
unsigned arc4random(void) {
  unsigned value = 0;
  getrandom(&value, sizeof value, 0);
  return value;
}
