"""A stand-in for Amazon ECS: services and tasks as local processes, under the AWS protocol.

A task runs the command of its task definition's container on this machine, with the definition's
environment on top of the server's own. Services keep their desired count, over restarts of the
server too; no task outlives the server.
"""
