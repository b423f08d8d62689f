/* cuSOLVER's version in the emulation: without the general eigensolver, unless a test says
 * otherwise. */
#pragma once

#ifndef CUSOLVER_VERSION
#define CUSOLVER_VERSION 0
#endif
#define CUSOLVER_VER_MAJOR 0
