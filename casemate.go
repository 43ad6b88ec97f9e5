// Package casemate is the vocabulary of Casemate, the self-hosted language-model
// system for security teams: alerts, entities, indicators, detections, incidents
// and errors. It does no input or output.
package casemate
