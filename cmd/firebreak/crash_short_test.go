//go:build !long

package main

const crashes = 5
