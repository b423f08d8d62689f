/* The emulation has no cuSOLVER. */
#pragma once

#define CUSOLVER_VERSION 0
