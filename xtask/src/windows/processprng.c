/* Wine 8 has no bcryptprimitives.dll, from which Rust's standard library takes its random numbers. This is its one
 * function, on the one that Windows had before. */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length)
{
    return SystemFunction036(data, (ULONG)length);
}
