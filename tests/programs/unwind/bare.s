# Functions of assembly without unwind information, which leave the frame pointer alone.
	.text
	.globl bare
	.type bare, @function
bare:
	mov $3000000, %rcx
1:	dec %rcx
	jnz 1b
	ret
	.size bare, . - bare

# As codecs do: pushes, and rounds the stack down for its vectors.
	.globl rounding
	.type rounding, @function
rounding:
	push %rbx
	push %r14
	mov %rsp, %rax
	sub $0x50, %rsp
	and $-64, %rsp
	mov %rax, 0x40(%rsp)
	call 3f
	mov $3000000, %rcx
2:	dec %rcx
	jnz 2b
	mov 0x40(%rsp), %rsp
	pop %r14
	pop %rbx
	ret
	.size rounding, . - rounding

	.type pushing, @function
pushing:
3:	push %r15
	push %rbp
	mov $3000000, %rbp
4:	dec %rbp
	jnz 4b
	pop %rbp
	pop %r15
	ret
	.size pushing, . - pushing
	.section .note.GNU-stack, "", @progbits
