// Package native is the engine that runs models in this process, on its processors.
package native
